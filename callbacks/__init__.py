"""Lightning callbacks: they watch a run and record something; they never change what is learned."""
