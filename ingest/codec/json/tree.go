package json

import "strings"

// tree knows every object member that may lead to a wanted field. A node stands
// for the joined path so far; node 0 is the whole object.
type tree struct {
	nodes []node
	index map[string]int // by path
}

type node struct {
	path    string
	next    map[string]int // by member name, which may contain dots itself
	targets []int
}

// add makes path lead to a target.
func (t *tree) add(path string, target int) {
	t.root()
	n := t.node(path)
	t.nodes[n].targets = append(t.nodes[n].targets, target)
}

// root makes the node of the whole object.
func (t *tree) root() {
	if t.nodes == nil {
		t.nodes, t.index = []node{{}}, map[string]int{"": 0}
	}
}

// node returns the node of a path. The member names that lead there are all the
// ways to cut the path at its dots: of a.b.c these are a, a.b and a.b.c from the
// root, b and b.c from a, and c from a.b.
func (t *tree) node(path string) int {
	if n, ok := t.index[path]; ok {
		return n
	}
	n := len(t.nodes)
	t.nodes = append(t.nodes, node{path: path})
	t.index[path] = n
	t.link(0, path, n)
	for i := range len(path) {
		if path[i] == '.' {
			t.link(t.node(path[:i]), path[i+1:], n)
		}
	}
	return n
}

func (t *tree) link(from int, name string, to int) {
	if t.nodes[from].next == nil {
		t.nodes[from].next = make(map[string]int)
	}
	t.nodes[from].next[name] = to
}

// lookup finds path in what encoding/json made of an object: as a member of that
// name, else by the shortest first part that leads anywhere.
func lookup(obj map[string]any, path string) (any, bool) {
	if v, ok := obj[path]; ok {
		return v, true
	}
	for from := 0; ; {
		i := strings.IndexByte(path[from:], '.')
		if i < 0 {
			return nil, false
		}
		i += from
		if sub, ok := obj[path[:i]].(map[string]any); ok {
			if v, ok := lookup(sub, path[i+1:]); ok {
				return v, true
			}
		}
		from = i + 1
	}
}
