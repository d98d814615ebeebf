package onnx

import (
	"fmt"
	"strings"
)

// UnsupportedError says what of an intact ONNX file Quell cannot run: every
// operator, attribute and shape of it, with the nodes.
type UnsupportedError struct {
	problems []problem
}

// problem is one thing that is not supported, and where. Those of the same
// text are told together.
type problem struct {
	node string // "" where it is about the graph
	text string
}

// maxProblems bounds what one error tells.
const maxProblems = 12

func (e *UnsupportedError) Error() string {
	var texts []string
	nodes := map[string][]string{}
	for _, p := range e.problems {
		if _, ok := nodes[p.text]; !ok {
			texts = append(texts, p.text)
		}
		nodes[p.text] = append(nodes[p.text], p.node)
	}
	var parts []string
	for i, text := range texts {
		if i == maxProblems {
			parts = append(parts, fmt.Sprintf("and %d more", len(texts)-i))
			break
		}
		switch where := nodes[text]; {
		case where[0] == "":
			parts = append(parts, text)
		case len(where) == 1:
			parts = append(parts, fmt.Sprintf("%s (node %s)", text, where[0]))
		default:
			parts = append(parts, fmt.Sprintf("%s (node %s and %d more)", text, where[0], len(where)-1))
		}
	}
	return "not supported: " + strings.Join(parts, "; ")
}

// oneLine returns the text of joined errors in one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", ", ") }
