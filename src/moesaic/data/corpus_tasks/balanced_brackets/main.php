<?php

declare(strict_types=1);

const PARTNERS = ['(' => ')', '[' => ']', '{' => '}'];

function balancedBrackets(string $text): bool
{
    $stack = [];
    foreach (str_split($text) as $symbol) {
        if (isset(PARTNERS[$symbol])) {
            $stack[] = PARTNERS[$symbol];
        } elseif (in_array($symbol, PARTNERS, true) && array_pop($stack) !== $symbol) {
            return false;
        }
    }
    return $stack === [];
}

$text = rtrim(fgets(STDIN), "\n");
echo balancedBrackets($text) ? 'yes' : 'no', PHP_EOL;
