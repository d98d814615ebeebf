package kafkaconn

import (
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn"
)

// refusals are the answers of a broker that the same configuration will always
// get, with what to do.
var refusals = []struct {
	code   kafka.Error
	advice string
}{
	{kafka.SASLAuthenticationFailed, "the brokers do not accept the user name or the password"},
	{kafka.UnsupportedSASLMechanism, "the brokers do not offer this SASL mechanism: choose another one"},
	{kafka.IllegalSASLState, "this listener takes no SASL: leave sasl out or use the brokers' SASL port"},
	{kafka.SecurityDisabled, "the brokers have security switched off"},
	{kafka.TopicAuthorizationFailed, "the user has no right to the topic: ask for an ACL"},
	{kafka.GroupAuthorizationFailed, "the user has no right to the consumer group: ask for an ACL (Read on the group)"},
	{kafka.ClusterAuthorizationFailed, "the user has no right to do this on the cluster: ask for an ACL"},
	{kafka.TransactionalIDAuthorizationFailed, "the user has no right to the transactional id: ask for an ACL"},
}

// Classify adds conn.ErrRejected, and what to do, to an error by which the
// cluster refuses us, and to those of conn.Classify. It returns every other error
// as it is.
//
// One refusal is no proof: the library also reports a connection that the
// broker closed during SASL, as it does when it shuts down, as refused. Callers
// give up only when it repeats.
func Classify(err error) error {
	if err == nil || errors.Is(err, conn.ErrRejected) {
		return err
	}
	for _, r := range refusals {
		if errors.Is(err, r.code) {
			return fmt.Errorf("%w: %s: %w", conn.ErrRejected, r.advice, err)
		}
	}
	return conn.Classify(err)
}

// Rejected says that Classify would add conn.ErrRejected.
func Rejected(err error) bool { return errors.Is(Classify(err), conn.ErrRejected) }
