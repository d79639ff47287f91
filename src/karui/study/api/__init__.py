"""The public functions, one file each; `import karui` offers them by name."""
