// Package config reads Quell's configuration file: YAML, strictly, into plain
// structs with every default filled in. It is the only package that knows YAML.
//
// Parse reports all mistakes at once, each with file, line and column, the line
// itself with a caret, and a suggestion where one is near. It is offline: it
// opens no file but the configuration, and an environment variable that is not
// set is a warning, because a file is often checked on another machine than the
// one that runs it. NeedEnv turns those warnings into errors for a start, and
// ReadSecret reads the files that hold secrets.
//
// A scalar may refer to the environment, "${NAME}" or "${NAME:-default}", and to what
// a file holds, "${file:PATH}"; "$${" stands for "${". What is inserted is text: it never changes the structure of
// the file. Relative paths are relative to the working directory.
package config
