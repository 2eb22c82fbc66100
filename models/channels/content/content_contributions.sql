{{ neighbor_contributions(ref('content_neighbors'), 'content') }}
