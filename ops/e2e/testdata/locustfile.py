"""The load test of the system that leadlog replaces: 80 % submits, 20 % page views, waits of 0.5 to 2 s."""

import random

from locust import HttpUser, between, task


class Visitor(HttpUser):
    wait_time = between(0.5, 2)

    @task(8)
    def submit(self):
        phone = "+989%09d" % random.randrange(10**9)
        with self.client.post("/api/submit", json={"phone": phone}, catch_response=True) as answer:
            if answer.status_code not in (200, 202) or not answer.json().get("id"):
                answer.failure("status %d" % answer.status_code)

    @task(2)
    def look(self):
        self.client.get("/")
