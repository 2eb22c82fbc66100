{{ neighbor_candidates(ref('prompt_neighbors'), 'prompt') }}
