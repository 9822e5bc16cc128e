package localaws

import (
	"encoding/json"
	"time"
)

// setUpEvents sets up queues, event rules, outages and other settings for events, failover and rotations.
func (s *Server) setUpEvents(what string, body []byte) error {
	switch what {
	case "queues":
		return setUpOne(body, func(q Queue) error { _, err := s.AddQueue(q); return err })
	case "event-rules":
		return setUpOne(body, func(r EventRule) error { _, err := s.AddEventRule(r); return err })
	case "delivery":
		return setUpOne(body, s.SetDelivery)
	case "outages":
		return setUpOne(body, func(outages []Outage) error { return s.SetOutages(outages...) })
	case "replication-lag":
		return setUpOne(body, func(lag time.Duration) error { s.SetReplicationLag(lag); return nil })
	case "staleness":
		return setUpOne(body, func(all []Staleness) error { return s.SetStaleness(all...) })
	case "times":
		return setUpOne(body, s.SetTimes)
	case "flush-events":
		s.FlushEvents()
	}
	return nil
}

// setUpOne decodes a body and passes it to a function.
func setUpOne[T any](body []byte, do func(T) error) error {
	var wanted T
	if err := json.Unmarshal(body, &wanted); err != nil {
		return err
	}
	return do(wanted)
}
