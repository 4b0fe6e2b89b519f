// Package dedup tells the edge which phones are in an open 24 h window. For each it keeps in Redis
//
//	dedup:phone:{phone}           o|ce_id|T              until T + 24 h
//	dedup:fold:PARTITION:PHONE    T|ce_id|record_id|offset   a little longer
//
// of the event that opened the window, T in Unix ms; in the second, the phone's older openers may follow. The first is public: it is what the edge's claims (`c|ce_id`, 30 s)
// stand in the place of, and what people look at. The second is the projection's own: it judges by it, so that what the
// edge and the clock do to the public key decides nothing.
//
// The view is a hint. The log decides which event is a duplicate, and the other views keep that; this one only lets the
// edge answer early. So it does not promise to come back the same: an empty view starts a few days back (Reach), and knows
// nothing of windows that were opened before.
package dedup
