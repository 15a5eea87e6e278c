<?php

declare(strict_types=1);

function mostCommonWord(string $text): string
{
    $counts = array_count_values(explode(' ', strtolower($text)));
    ksort($counts, SORT_STRING);
    $most = max($counts);
    return array_search($most, $counts, true) . " $most";
}

$text = trim(fgets(STDIN));
echo mostCommonWord($text), PHP_EOL;
