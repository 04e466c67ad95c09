"""MER2025-SEMI and MER2026-Cross: one of six emotions a clip."""
