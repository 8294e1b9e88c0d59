"""What learners say of a course, and moderators of that."""
