<?php

declare(strict_types=1);

function letterCounts(string $word): array
{
    $counts = [];
    foreach (str_split($word) as $letter) {
        $counts[$letter] = ($counts[$letter] ?? 0) + 1;
    }
    ksort($counts);
    return $counts;
}

$word = trim(fgets(STDIN));
foreach (letterCounts($word) as $letter => $count) {
    echo "$letter $count", PHP_EOL;
}
