package notify

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// An event that is dated in the future would count as later than all that happens until then. Clocks differ by some
// minutes, and no more.
func TestAnEventOfTheFutureIsNotBelieved(t *testing.T) {
	for ahead, believed := range map[time.Duration]bool{-time.Hour: true, 0: true, aheadMost: true, aheadMost + time.Second: false, 70 * 365 * 24 * time.Hour: false} {
		d := newDesk(t, two)
		d.now = noon.Add(-ahead) // The event is of noon.
		var told []Change
		d.consumer.feed.Notify = func(_ context.Context, _ []types.NamespacedName, change Change) error {
			told = append(told, change)
			return nil
		}
		result := d.consumer.feed.take(t.Context(), []byte(put))
		if len(told) != 1 || told[0].Time.IsZero() == believed {
			t.Errorf("%s ahead: told is %+v", ahead, told)
		}
		if (result.age < 0) == believed {
			t.Errorf("%s ahead: the age is %s", ahead, result.age)
		}
	}
}
