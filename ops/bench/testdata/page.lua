-- Asks for the landing page.
wrk.path = "/"
