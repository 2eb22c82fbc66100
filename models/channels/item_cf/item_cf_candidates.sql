{{ neighbor_candidates(ref('item_cf_neighbors'), 'item_cf') }}
