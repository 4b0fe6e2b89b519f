// Package dedup tells the edge which phones are in an open 24 h window. For each it keeps in Redis
//
//	dedup:phone:{phone}           o|ce_id|T                  until T + 24 h
//	dedup:fold:PARTITION:PHONE    T|ce_id|record_id|offset   a little longer
//
// of the event that opened the window, T in Unix ms. The first is public: the edge's claims (`c|ce_id`, 30 s) stand in its
// place until the event is there, and people look at it. The second is the projection's own, and may go on with the phone's
// older openers: it judges by this one alone, so that nothing the edge or the clock does to the public key decides anything.
//
// The view is a hint. The log decides which event is a duplicate, and the other views keep that; this one only lets the
// edge answer early. So it does not promise to come back the same: an empty view starts a few days back (Reach), and knows
// nothing of windows that were opened before.
package dedup
