"""What is operated: the App and Predictor protocols, and the apps that come with fullturn."""
