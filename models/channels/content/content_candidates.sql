{{ neighbor_candidates(ref('content_neighbors'), 'content') }}
