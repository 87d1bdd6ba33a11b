package canvastest

// table keeps rows by id in the order they were added.
type table[T any] struct {
	rows  map[ID]*T
	order []ID
}

func (t *table[T]) put(id ID, row *T) *T {
	if t.rows == nil {
		t.rows = map[ID]*T{}
	}
	if _, ok := t.rows[id]; !ok {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
	return row
}

func (t *table[T]) get(id ID) *T { return t.rows[id] }

// all yields the rows in the order they were added.
func (t *table[T]) all(yield func(*T) bool) {
	for _, id := range t.order {
		if !yield(t.rows[id]) {
			return
		}
	}
}

func (t *table[T]) find(match func(*T) bool) *T {
	for row := range t.all {
		if match(row) {
			return row
		}
	}
	return nil
}

func (t *table[T]) filter(match func(*T) bool) []*T {
	var rows []*T
	for row := range t.all {
		if match(row) {
			rows = append(rows, row)
		}
	}
	return rows
}
