package leads

// LastOpenerNear is the look-up before every batch. Its plan is a promise of its own.
const LastOpenerNear = lastOpenerNear
