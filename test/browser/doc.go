// Package browser looks at the dashboard as its users do, in a Chromium: on the demo,
// by the keyboard alone, and on a mock of the API for what the demo is too small for.
// It is a module of its own, so that what drives the browser stays out of the module
// graph of Quell's users. `make browser` runs it.
package browser
