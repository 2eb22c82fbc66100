{{ neighbor_contributions(ref('item_cf_neighbors'), 'item_cf') }}
