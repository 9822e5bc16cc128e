package sqs

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Address is the address of a queue, parsed from its URL.
type Address struct {
	// URL of the queue.
	URL string
	// Region of the queue; empty for a queue on this machine.
	Region string
	// Origin is the endpoint of a queue on this machine; empty for other queues, whose endpoint the SDK knows.
	Origin string
	// Account and Name of the queue.
	Account, Name string
}

var (
	hostPattern = regexp.MustCompile(`^sqs(?:-fips)?\.([a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+)\.[a-z0-9.-]+$`)
	pathPattern = regexp.MustCompile(`^/([0-9]{12})/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$`)

	errAddress = errors.New("must be the URL of an SQS queue, https://sqs.<region>.amazonaws.com/<account>/<name>")
)

// ParseURL parses the URL of a queue. Plain HTTP is allowed for a queue on this machine only, for tests.
func ParseURL(text string) (Address, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return Address{}, errAddress // The error of net/url would quote a password.
	}
	path := pathPattern.FindStringSubmatch(parsed.Path)
	if path == nil {
		return Address{}, errAddress
	}
	address := Address{URL: text, Account: path[1], Name: path[2]}
	host := hostPattern.FindStringSubmatch(parsed.Host)
	switch {
	case parsed.Scheme == "https" && host != nil:
		address.Region = host[1]
	case parsed.Scheme == "http" && loopback(parsed.Hostname()):
		address.Origin = parsed.Scheme + "://" + parsed.Host
	default:
		return Address{}, errAddress
	}
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
