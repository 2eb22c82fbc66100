{{ neighbor_contributions(ref('prompt_neighbors'), 'prompt') }}
