// Package kafka reads topics as a member of a consumer group.
//
// The log is the journal: nothing is stored here, and the group's offset of a
// partition is the first message that is not finished. It follows the highest
// contiguous finished message, is never lowered, and is committed through the
// generation of the group that the messages came from, so a member that lost a
// partition can't move its offset back.
//
// A group's change of membership replaces the Assignment: one partition of it
// per topic partition, named "topic/number". Topics read together are
// co-partitioned: partition n of all of them has the same owner.
//
// Records of aborted transactions and transaction markers are not delivered, so
// offsets have holes, as they have after compaction. A tombstone (no value) is
// delivered without samples. A batch that is corrupt, or that inflates beyond
// 64 MiB, is delivered as one malformed message at its last offset, so that it
// ends in the dead letters and the partition goes on.
//
//	src, err := kafka.New(kafka.Config{
//		Conn:    kafkaconn.Config{Brokers: []string{"localhost:9092"}},
//		Topics:  []string{"telemetry.raw"},
//		Group:   "quell-turbines",
//		Decoder: decoder,
//	})
package kafka
