<?php

declare(strict_types=1);

function evaluatePostfix(array $words): int
{
    $stack = [];
    foreach ($words as $word) {
        if (is_numeric($word)) {
            $stack[] = (int) $word;
            continue;
        }
        $right = array_pop($stack);
        $left = array_pop($stack);
        $stack[] = match ($word) {
            '+' => $left + $right,
            '-' => $left - $right,
            '*' => $left * $right,
        };
    }
    return $stack[0];
}

$words = explode(' ', trim(fgets(STDIN)));
echo evaluatePostfix($words), PHP_EOL;
