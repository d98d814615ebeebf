package main

import (
	"errors"
	"strconv"
)

// fullLookahead stands for as much look-ahead as there can be: for training a
// net that sees as far ahead as back, else the base model that looks furthest.
const fullLookahead = -1

// lookahead is a flag: a number of samples, or full.
type lookahead int

// String implements pflag.Value.
func (l *lookahead) String() string {
	if *l == fullLookahead {
		return "full"
	}
	return strconv.Itoa(int(*l))
}

// Set implements pflag.Value.
func (l *lookahead) Set(s string) error {
	if s == "full" {
		*l = fullLookahead
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return errors.New("a number of samples or full is needed")
	}
	*l = lookahead(n)
	return nil
}

// Type implements pflag.Value.
func (*lookahead) Type() string { return "samples" }
