"""What runs the course: the curriculum, the checker of exercises, and the learner's progress."""
