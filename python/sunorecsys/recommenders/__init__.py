"""Where earlier versions kept their recommenders."""
