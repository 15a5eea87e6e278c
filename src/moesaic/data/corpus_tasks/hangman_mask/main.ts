import * as fs from "fs";

class Hangman {
    wrong = 0;
    private readonly found = new Set<string>();

    constructor(private readonly word: string) {
    }

    guess(letter: string): void {
        if (this.word.includes(letter)) {
            this.found.add(letter);
        } else {
            this.wrong++;
        }
    }

    hangmanMask(): string {
        return [...this.word].map((letter) => (this.found.has(letter) ? letter : "_")).join("");
    }
}

const [word, guesses] = fs.readFileSync(0, "utf8").trim().split("\n");
const game = new Hangman(word);
for (const letter of guesses) {
    game.guess(letter);
}
console.log(game.hangmanMask());
console.log(game.wrong);
