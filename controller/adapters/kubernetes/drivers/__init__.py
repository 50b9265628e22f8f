"""The ways a pod is made to restore: its manifest, and how its progress is read off it."""
