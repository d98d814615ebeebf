// Package docs tests what the documentation says: every command in a block marked sh
// is run, by bash in a copy of the repository with the files that readers are asked to
// bring, every configuration passes `quell check`, every link and every file that is
// named is there. It imports nothing of this module.
//
//	go test -tags docs -count=1 ./test/docs
//
// A comment before a block says what the test needs to know, a line each:
//
//	<!-- docs-test
//	skip: REASON              it is not run; the reason is printed
//	as: WORDS => WORDS        what is run in place of what is written, such as a shorter time
//	ctrl-c: 2s BEGIN          what begins so and still runs after that long is interrupted, and has to end well
//	background: 2s            it runs until the end of the document, and is interrupted then
//	exit: 1                   the code that each command ends with
//	first: COMMAND            what the reader has done before, in silence
//	with: COMMAND             what goes on beside it, until the end of the document: a broker, devices
//	file: NAME                the block is a file that later commands find
//	-->
//
// Blocks of a document are run in their order, in one folder.
package docs
