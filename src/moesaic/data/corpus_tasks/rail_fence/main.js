function railFence(word, count) {
    const rails = Array(count).fill("");
    let rail = 0;
    let down = true;
    for (const letter of word) {
        rails[rail] += letter;
        if (rail === count - 1) {
            down = false;
        } else if (rail === 0) {
            down = true;
        }
        rail = Math.max(0, down ? rail + 1 : rail - 1);
    }
    return rails.join("");
}

const [count, word] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(railFence(word, Number(count)));
