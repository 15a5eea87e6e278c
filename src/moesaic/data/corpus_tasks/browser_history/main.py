import sys


class Browser:
    def __init__(self):
        self.page = "home"
        self.before = []
        self.ahead = []

    def open(self, page):
        self.before.append(self.page)
        self.ahead.clear()
        self.page = page

    def back(self):
        if self.before:
            self.ahead.append(self.page)
            self.page = self.before.pop()

    def forward(self):
        if self.ahead:
            self.before.append(self.page)
            self.page = self.ahead.pop()


def browser_history(commands):
    browser = Browser()
    for command in commands:
        name, *arguments = command.split()
        getattr(browser, name)(*arguments)
        print(browser.page)


def main():
    commands = sys.stdin.read().splitlines()
    browser_history(commands)


if __name__ == "__main__":
    main()
