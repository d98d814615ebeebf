// Package chart tests the Helm chart with what Helm itself renders and lints by, and what
// it makes with the types of Kubernetes, read as strictly as an API server can be asked
// to. It is a module of its own, so that neither is in the module graph of Quell's users,
// and imports nothing of it.
package chart
