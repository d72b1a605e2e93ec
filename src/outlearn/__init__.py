"""outlearn: train students that outlearn their teachers, and say why."""
