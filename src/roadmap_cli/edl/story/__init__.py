"""What a source tells: its scenes, how its energy rises and falls, and the beats of its story."""
