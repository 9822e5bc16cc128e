package aws

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// olderLasts is how long answers that are older than what is known are not followed. AWS is eventually
	// consistent, and ListSecrets, the slowest, lags five minutes (page "ListSecrets"): what it says alone for
	// longer than this is how things are, whatever their dates.
	olderLasts = 10 * time.Minute
	// maxNewest bounds the ids that descriptions are kept by, half of which may be recent ones: a secret that is asked
	// about by its name has two. That is some 250 bytes each, so 15 MB at most; 15,000 secrets at least. Of the
	// others, status alone tells what was seen last.
	maxNewest = 60_000
)

// newest remembers the newest description that was seen of each secret, as every operation of Secrets Manager is
// eventually consistent: an answer may be older than the one before it. LastChangedDate orders them. It is AWS's
// clock alone that counts.
type newest struct {
	now   func() time.Time
	mutex sync.Mutex
	// recent and former have what was asked about, by the id that was asked with and by ARN. Once recent is full it
	// takes the place of former, so that what is no longer asked about is evicted.
	recent, former map[string]*newestEntry
	// share is what may be kept besides by all that a namespace reads; nil for no such bound.
	share *sharing.Share
	// cleared says that nothing more is kept.
	cleared bool
}

// newestEntry is the newest description of a secret.
type newestEntry struct {
	described
	// older is since when answers were older than this one, without exception; zero where the last one was not.
	older time.Time
	// unreached is since when this one has been older than what some status has of the secret.
	unreached time.Time
}

func newNewest(now func() time.Time) *newest {
	return &newest{now: now, recent: map[string]*newestEntry{}, former: map[string]*newestEntry{}}
}

// follow gives the newest description of the secret that was asked about by an id: the answer, or what is known
// where the answer is older, which behind says.
func (n *newest) follow(id string, answer described) (latest described, behind bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	known := n.recall(id)
	if byARN := n.recall(answer.arn); byARN != nil && (known == nil || known.changed.Before(byARN.changed)) {
		known = byARN
	}
	now := n.now()
	if known != nil && olderThan(answer.changed, known.changed) {
		if known.older.IsZero() {
			known.older = now
		}
		if now.Sub(known.older) < olderLasts {
			return known.described, true
		}
	}
	switch {
	case known == nil || known.arn != answer.arn: // A secret and its successor of the same name have an entry each.
		known = &newestEntry{described: answer}
	case known.changed.Equal(answer.changed):
		known.described, known.older = answer, time.Time{}
	default:
		*known = newestEntry{described: answer}
	}
	n.keep(id, known)
	n.keep(answer.arn, known)
	return answer, false
}

// reached says whether the newest description of a secret is as new as the synced version, where both are of one
// region: of that version its own date counts too, as a secret has changed when it got it. One that stays older for
// long counts as reached.
func (n *newest) reached(latest described, synced source.Version) bool {
	if synced.Region != latest.region || !olderThan(latest.changed, synced.Changed) && !olderThan(latest.changed, synced.Created) {
		return true
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	known, now := n.recall(latest.arn), n.now()
	if known == nil {
		return false
	}
	if known.unreached.IsZero() {
		known.unreached = now
	}
	return now.Sub(known.unreached) >= olderLasts
}

// of is the newest description of the secret with an id, as far as it is known.
func (n *newest) of(id string) (latest described, known bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if entry := n.recall(id); entry != nil {
		return entry.described, true
	}
	return described{}, false
}

func (n *newest) recall(id string) *newestEntry {
	if entry := n.recent[id]; entry != nil {
		return entry
	}
	return n.former[id]
}

func (n *newest) keep(id string, entry *newestEntry) {
	if n.recent[id] == entry || n.cleared {
		return
	}
	if _, again := n.recent[id]; !again {
		if full := len(n.recent) >= maxNewest/2; full || !n.share.Take(1) {
			n.share.Give(len(n.former))
			n.recent, n.former = map[string]*newestEntry{}, n.recent
			if !n.share.Take(1) {
				return
			}
		}
	}
	n.recent[id] = entry
}

// clear lets go of all that is known.
func (n *newest) clear() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.share.Give(len(n.recent) + len(n.former))
	n.recent, n.former, n.cleared = nil, nil, true
}

// olderThan compares two dates of one secret; those that are not known are not older.
func olderThan(a, b time.Time) bool { return !a.IsZero() && a.Before(b) }
