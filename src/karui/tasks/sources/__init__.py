"""Where tasks come from: files, the Hugging Face Hub, reasoning-gym and what ships with karui."""
