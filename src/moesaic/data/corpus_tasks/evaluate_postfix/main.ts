import * as fs from "fs";

function evaluatePostfix(words: string[]): number {
    const stack: number[] = [];
    for (const word of words) {
        switch (word) {
            case "+":
                stack.push(stack.pop()! + stack.pop()!);
                break;
            case "-":
                stack.push(-stack.pop()! + stack.pop()!);
                break;
            case "*":
                stack.push(stack.pop()! * stack.pop()!);
                break;
            default:
                stack.push(Number(word));
        }
    }
    return stack[0];
}

const words = fs.readFileSync(0, "utf8").trim().split(" ");
console.log(evaluatePostfix(words));
