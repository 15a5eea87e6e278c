<?php

declare(strict_types=1);

function railFence(string $word, int $count): string
{
    $rails = array_fill(0, $count, '');
    $period = max(1, 2 * ($count - 1));
    foreach (str_split($word) as $index => $letter) {
        $step = $index % $period;
        $rails[min($step, $period - $step)] .= $letter;
    }
    return implode('', $rails);
}

$count = (int) fgets(STDIN);
$word = trim(fgets(STDIN));
echo railFence($word, $count), PHP_EOL;
