package ownwrites

import "testing"

func TestTheEchoOfAWriteIsNoNews(t *testing.T) {
	var writes Writes
	if writes.Own("1") {
		t.Error("a Secret that was never written counts as written")
	}

	writes.Begin()
	if !writes.Own("10") {
		t.Error("the watch is faster than the answer, and sets off a reconcile")
	}
	if writes.End("10", noon) {
		t.Error("the operator's own write counts as another writer's")
	}
	if !writes.Own("10") {
		t.Error("after the write what the watch shows of it counts as another writer's")
	}
	if writes.Own("11") {
		t.Error("after the write an edit counts as the operator's own")
	}

	writes.Begin()
	writes.Own("12")
	writes.Own("13")
	if !writes.End("12", noon) {
		t.Error("an edit right after the write is missed")
	}
	writes.Begin()
	writes.Own("14")
	if writes.End("15", noon) {
		t.Error("an edit before the write counts as one after it")
	}
	writes.Begin()
	writes.Own("16")
	if !writes.End("", noon) {
		t.Error("an edit during a write that failed is missed")
	}
	if !writes.Own("15") {
		t.Error("after a write that failed the one before it is forgotten")
	}
}

// TestAnEditIsFoundWhateverTheWatchTellsWhen: it may be faster than the answer to the write, or behind.
func TestAnEditIsFoundWhateverTheWatchTellsWhen(t *testing.T) {
	for name, test := range map[string]struct {
		watched []string
		touched bool
	}{
		"nothing":                        {nil, false},
		"our write":                      {[]string{"12"}, false},
		"an edit, then what was before":  {[]string{"13", "11"}, true},
		"our write, then an edit":        {[]string{"12", "13"}, true},
		"an edit, and our write is next": {[]string{"13", "12"}, true},
	} {
		var writes Writes
		writes.Begin()
		for _, version := range test.watched {
			writes.Own(version)
		}
		if touched := writes.End("12", noon); touched != test.touched {
			t.Errorf("%s: another writer has touched the Secret: %t", name, touched)
		}
		if !writes.Recent("12", noon, MaxWatchLag) {
			t.Errorf("%s: what was written last is not known", name)
		}
		if writes.Recent("13", noon, MaxWatchLag) {
			t.Errorf("%s: an edit counts as written last", name)
		}
	}
}

// TestAfterARestoreOfEtcdNoWriteIsOurs: the resourceVersions of former writes come again, for writes of others.
func TestAfterARestoreOfEtcdNoWriteIsOurs(t *testing.T) {
	var writes Writes
	writes.End("12", noon)
	writes.Forget()
	if writes.Own("12") {
		t.Error("the write of another counts as the operator's own")
	}
	if writes.Recent("12", noon, MaxWatchLag) {
		t.Error("the write of another counts as one that is on its way")
	}
}
