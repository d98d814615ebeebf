package dlq

// Reasons returns the reasons that dead letters of this version have: of samples that could
// not be used, and of messages that could not be read.
func Reasons() []string {
	return []string{"late", "conflicting", "surplus", "quarantined",
		"csv", "field_missing", "json", "malformed", "not_a_number", "numbers", "series", "time", "too_large", "topic"}
}
