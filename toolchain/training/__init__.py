"""Training with Keras: the only package that imports TensorFlow, and only inside its stage."""
