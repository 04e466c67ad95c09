"""The one reader of tables: CSV and its relatives, JSON and Excel workbooks become rows with line numbers."""
