"""The Lambdas: one thin file each. A stage's word is its file here, its Lambda and its state."""
