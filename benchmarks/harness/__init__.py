"""What every item measures with: results, rounds, processes, servers, peers' environments, load."""
