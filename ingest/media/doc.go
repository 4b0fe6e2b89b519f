// Package media is the part of the page that lives in a bucket of S3: images and videos at /media/NAME, and site.json, which says
// what the page says.
//
// It promises:
//
//   - The page and the leads never wait for S3. Away, slow or refusing, it costs a request for an image at most firstByte, and after
//     a few of those nobody waits any more, until S3 answers again. What the page says stays as it was.
//   - Nobody can hold the edge by reading slowly: streams are counted, each has a bound on its memory, and a peer that takes
//     nothing for a while is cut. One that takes bytes is never cut, however large the video is.
//   - What stands in the bucket can't harm a visitor: only images and videos are shown, in a sandbox, and all else is a download.
//   - S3 going away and coming back are one log line each. Nothing that S3 says reaches a client.
package media
