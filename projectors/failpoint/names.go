package failpoint

// Names lists every place, in the order in which a change comes to them. A test holds the list against the code.
func Names() []string {
	return []string{
		// A worker that has read a batch, and not begun to apply it: whatever happens to the partition from here on, it missed.
		"batch in hand",
		// PostgreSQL: all but the last of each is in a transaction, which is then rolled back.
		"pgstore commit applied",
		"pgstore commit moved",
		"pgstore rewind locked",
		"pgstore rewind undone",
		"pgstore rewind moved",
		"pgstore hold moved",
		"pgstore skip stored",
		"pgstore skip moved",
		"pgstore adopt moved",
		// MongoDB: each step stands, and the next one is still to be done.
		"mongostore commit applied",
		"mongostore commit moved",
		"mongostore rewind held",
		"audit undo step",
		"mongostore rewind undone",
		"mongostore rewind live",
		"mongostore hold moved",
		"mongostore skip moved",
		"mongostore skip undone",
		"mongostore skip kept",
		"mongostore adopt moved",
		// Redis: one script each, before and after.
		"redisstore commit collected",
		"redisstore commit moved",
		"redisstore rewind collected",
		"redisstore rewind moved",
		"redisstore hold moved",
		"redisstore skip moved",
		"redisstore adopt moved",
		// The commands that change partition after partition, around the steps above.
		"rewind begun",
		"rewind checked",
		"rewind partition done",
		"rewind done",
		"adopt partition done",
		// A swap, from its beginning to its end: in PostgreSQL one transaction, in MongoDB steps that stand.
		"swap approached",
		"swap catching up",
		"pgstore swap locked",
		"pgstore swap repointed",
		"audit swap frozen",
		"audit swap carried on",
		"audit swap renamed",
		"audit swap thawed",
		"swap finish",
		"swap done",
		"drop begun",
	}
}
