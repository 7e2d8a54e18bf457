"""The course: lessons on real data, exercises, and a checker that says what is wrong."""
