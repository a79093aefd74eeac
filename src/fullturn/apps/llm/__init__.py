"""Where an app written for version 0.1 imports the client of its LLM from."""
