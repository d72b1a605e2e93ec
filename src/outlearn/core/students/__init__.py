"""What a student does with its teacher's labels: agreement, blind spots, recovery, what else would do."""
